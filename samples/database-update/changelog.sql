--liquibase formatted sql

--changeset shop:1
CREATE TABLE article (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL);

--changeset shop:2
ALTER TABLE article ADD COLUMN price INTEGER;
